package server

import (
	"bytes"
	"encoding/json"
)

// route is what a request asks for.
type route int

// The routes: what the program under test asks for, and what runs the benchmark.
const (
	toNowhere route = iota
	toPoll
	toConfiguration
	toLogin
	toCreate
	toCapture
	toSearch
	toPaged
	toControl
	routes
)

// The paths of both APIs, and what the server itself is told under.
const (
	PollPath          = "/api/connector/v1/preauthorizations/getAllByCustomers"
	ConfigurationPath = "/api/connector/v1/configuration/get"
	LoginPath         = "/AuthorizationServer/api/v4/Access/Login"
	// V4Path is v4's address, ObjectPath that of its PaymentPreAuthorize objects.
	V4Path     = "/ResourceServer"
	ObjectPath = V4Path + "/api/v4/PaymentPreAuthorize/"
	// Control goes before what the benchmark asks for between two runs:
	//
	//	counts     gives the Counts, and counts from 0 on
	//	forget     lets v4 hold nothing
	//	shuffle    puts the entries of every poll's reply into another order
	//	charge/N   makes N preauthorizations Charged
	Control = "/bench/"
)

// routed tells where a path leads.
func routed(path []byte) request {
	if rest, found := bytes.CutPrefix(path, []byte(Control)); found {
		return request{route: toControl, rest: string(rest)}
	}
	switch string(path) {
	case PollPath:
		return request{route: toPoll}
	case ConfigurationPath:
		return request{route: toConfiguration}
	case LoginPath:
		return request{route: toLogin}
	case ObjectPath:
		return request{route: toCreate}
	case ObjectPath + "Capture":
		return request{route: toCapture}
	case ObjectPath + "Search":
		return request{route: toSearch}
	case ObjectPath + "Paged":
		return request{route: toPaged}
	default:
		return request{}
	}
}

// paginationOf reads the Pagination header.
func paginationOf(value []byte) (pagination, error) {
	var asked struct{ PageNumber, PageSize int }
	err := json.Unmarshal(value, &asked)
	return pagination{asked.PageNumber, asked.PageSize}, err
}
