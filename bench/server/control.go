package server

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// control does what is asked for under Control.
func (s *Server) control(order string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, number, _ := strings.Cut(order, "/")
	switch name {
	case "counts":
		return json.Marshal(s.counts.take())
	case "forget":
		s.holds.forget()
	case "shuffle":
		s.replies.shuffle()
	case "charge":
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n > len(s.replies.charged) {
			return nil, errors.New("there are not so many")
		}
		s.replies.charge(n)
	default:
		return nil, errors.New("there is no such order")
	}
	return []byte("{}"), nil
}
