package config

import "net/url"

// ownV4 is a property's v4: any of the top-level's keys, each of which takes the
// place of that one.
func ownV4(p *Property, shared *V4) field {
	f := field{
		key: "v4", takes: "a mapping", def: "{}",
		doc: "any keys of v4 that differ, for a tenant of its own: with any key the property has a sink of its own, so decide before its first cycle; credentials are not taken over to another host",
	}
	f.table = func(l *loader, path string, from *node) {
		if len(from.entries) == 0 {
			return
		}
		p.OwnV4, p.V4 = true, *shared
		p.V4.Auth = Auth{}
		l.section(path, optional(v4Keys(&p.V4)), from)
		l.inherit(path, p, *shared)
	}
	return f
}

func optional(fields []field) []field {
	for i := range fields {
		fields[i].required = false
	}
	return fields
}

// inherit adds to a property's own way in what it leaves out: the keys of the same
// way at the top-level. Nothing of that is sent to another host than it is meant for.
func (l *loader) inherit(path string, p *Property, shared V4) {
	own, from := &p.V4.Auth, shared.Auth
	given := func(key string) bool { _, is := l.places[path+".auth."+key]; return is }
	says := func(key, value string) bool { return value != "" || l.broken(path+".auth."+key) }
	token := says("token", own.Token.Reveal())
	user := says("username", own.Username) || says("password", own.Password.Reveal())
	client := says("client_secret", own.ClientSecret.Reveal())
	login := user || client || says("login_address", own.LoginAddress) || says("client_id", own.ClientID)
	elsewhere := isElsewhere(p.V4.Address, shared.Address)
	if !elsewhere && !token {
		fill(&own.LoginAddress, from.LoginAddress, given("login_address"))
		elsewhere = isElsewhere(own.LoginAddress, from.LoginAddress)
	}
	if elsewhere || token {
		return
	}
	fill(&own.Token, from.Token, given("token") || login)
	fill(&own.ClientID, from.ClientID, given("client_id"))
	fill(&own.Username, from.Username, given("username") || client)
	fill(&own.Password, from.Password, given("password") || client)
	fill(&own.ClientSecret, from.ClientSecret, given("client_secret") || user)
}

func fill[T any](own *T, from T, given bool) {
	if !given {
		*own = from
	}
}

// isElsewhere tells whether two addresses are both there, and on different hosts.
func isElsewhere(own, shared string) bool {
	return own != "" && shared != "" && hostOf(own) != hostOf(shared)
}

// hostOf gives an address's host and port.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

// notTakenOver says why a property has to give its own way in, or gives "".
func notTakenOver(own, shared V4) string {
	if isElsewhere(own.Address, shared.Address) || isElsewhere(own.Auth.LoginAddress, shared.Auth.LoginAddress) {
		return "; those of the top-level v4 are not sent to another host"
	}
	return ""
}
