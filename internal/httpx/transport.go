package httpx

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// DialFunc opens a connection, as net.Dialer's DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// TransportConfig is what NewTransport can be told. Zero values mean the
// defaults named at each field.
type TransportConfig struct {
	// DialContext replaces the dialer; nil means TCP with DialTimeout.
	DialContext DialFunc
	// NoProxy ignores HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment.
	NoProxy bool
	// TLS is cloned; nil means Go's defaults with TLS 1.2 as the least.
	TLS *tls.Config
	// DialTimeout and TLSTimeout are 10 seconds by default.
	DialTimeout, TLSTimeout time.Duration
	// HeaderTimeout limits the wait for a reply's header after the request has been
	// written; 0 leaves it to the request's own time-out.
	HeaderTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept; 60 seconds by default.
	IdleTimeout time.Duration
	// MaxIdle is the number of idle connections kept for one host; 16 by default.
	MaxIdle int
}

// The defaults of a transport, and its limit on a reply's header. net/http
// counts 1xx replies towards that limit too, so a flood of them ends there.
const (
	defaultConnectTimeout = 10 * time.Second
	defaultIdleTimeout    = 60 * time.Second
	defaultMaxIdle        = 16
	maxHeaderBytes        = 64 << 10
)

// NewTransport gives the base of every client. It speaks HTTP/1.1 only, because
// there it is known when net/http sends a request again by itself (see its
// shouldRetryRequest): a POST only when nothing of it had been written, a GET
// also when an idle connection turns out to have been closed. It never asks for
// compression.
func NewTransport(cfg TransportConfig) *http.Transport {
	dial := cfg.DialContext
	if dial == nil {
		dial = (&net.Dialer{Timeout: orDefault(cfg.DialTimeout, defaultConnectTimeout)}).DialContext
	}
	security := cfg.TLS.Clone()
	if security == nil {
		security = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	proxy := http.ProxyFromEnvironment
	if cfg.NoProxy {
		proxy = nil
	}
	idle := cfg.MaxIdle
	if idle <= 0 {
		idle = defaultMaxIdle
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            dial,
		TLSClientConfig:        security,
		TLSHandshakeTimeout:    orDefault(cfg.TLSTimeout, defaultConnectTimeout),
		ResponseHeaderTimeout:  cfg.HeaderTimeout,
		IdleConnTimeout:        orDefault(cfg.IdleTimeout, defaultIdleTimeout),
		MaxIdleConnsPerHost:    idle,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
		Protocols:              protocols,
	}
}
