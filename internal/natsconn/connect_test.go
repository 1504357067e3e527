package natsconn_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"

	"odasync/internal/natsconn"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

func TestConn_CheckVersion(t *testing.T) {
	tests := map[string]bool{
		"2.11.0": true, "2.11.0-RC.1": true, "2.12.3": true, "2.15.2": true, "3.0.0": true, "10.1.0": true,
		"2.10.29": false, "2.9.0": false, "1.4.1": false, "0.9.6": false, "2.10": false,
		"": true, "dev": true, "2.x.1": true, // a build that does not say is tried
	}
	for version, good := range tests {
		t.Run(version, func(t *testing.T) {
			err := natsconn.CheckVersion(version)
			if (err == nil) != good {
				t.Errorf("version %q: %v", version, err)
			}
			if err != nil {
				testcheck.ErrorContains(t, err, version, "2.11 or newer")
			}
		})
	}
}

func TestValidate(t *testing.T) {
	good := natsconn.Config{URL: "nats://localhost:4222", Replicas: 1, History: 32}
	tests := map[string]struct {
		change func(*natsconn.Config)
		words  []string // none: valid
	}{
		"good":              {func(*natsconn.Config) {}, nil},
		"several servers":   {func(c *natsconn.Config) { c.URL = "nats://a:4222, tls://b:4222,ws://c,wss://d" }, nil},
		"credentials":       {func(c *natsconn.Config) { c.URL = "nats://user:pass@localhost:4222" }, nil},
		"three replicas":    {func(c *natsconn.Config) { c.Replicas = 3 }, nil},
		"no scheme":         {func(c *natsconn.Config) { c.URL = "localhost:4222" }, []string{"NATS_URL", "localhost:4222", "nats://host:port"}},
		"other scheme":      {func(c *natsconn.Config) { c.URL = "http://localhost:4222" }, []string{"NATS_URL", "http://localhost:4222"}},
		"no URL":            {func(c *natsconn.Config) { c.URL = "" }, []string{"NATS_URL"}},
		"not a URL":         {func(c *natsconn.Config) { c.URL = "nats://user:s3cret@host:port" }, []string{"NATS_URL", "not a URL"}},
		"password in a bad": {func(c *natsconn.Config) { c.URL = "http://user:s3cret@host" }, []string{"NATS_URL", "http://host"}},
		"token in a bad":    {func(c *natsconn.Config) { c.URL = "http://s3cret@host" }, []string{"NATS_URL", "http://host"}},
		"one bad of two":    {func(c *natsconn.Config) { c.URL = "nats://a,ftp://b" }, []string{"NATS_URL", "ftp://b"}},
		"certificate alone": {func(c *natsconn.Config) { c.TLSCert = "cert.pem" }, []string{"NATS_TLS_CERT and NATS_TLS_KEY", "both"}},
		"two replicas":      {func(c *natsconn.Config) { c.Replicas = 2 }, []string{"STREAM_REPLICAS is 2", "0, 1, 3 or 5"}},
		"all wrong": {func(c *natsconn.Config) { *c = natsconn.Config{URL: "x", Replicas: 7, History: 0, MaxBytes: -1} },
			[]string{"NATS_URL", "STREAM_REPLICAS", "STREAM_HISTORY", "STREAM_MAX_BYTES"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := good
			test.change(&cfg)
			err := cfg.Validate()
			if test.words == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			testcheck.ErrorContains(t, err, test.words...)
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestRedacted(t *testing.T) {
	tests := map[string]string{
		"nats://localhost:4222":           "nats://localhost:4222",
		"nats://user:s3cret@host:4222":    "nats://host:4222",
		"tls://s3cret@host":               "tls://host",
		"nats://u:p@ss@a,nats://b":        "nats://a,nats://b",
		"s3cret@host:4222":                "host:4222",
		"nats://a:1, nats://u:s3cret@b:2": "nats://a:1, nats://b:2",
	}
	for urls, want := range tests {
		testcheck.Equal(t, urls, want, natsconn.Redacted(urls))
	}
}

func TestConnect_RejectsMissingFiles(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for name, cfg := range map[string]natsconn.Config{
		"authority":   {URL: "nats://127.0.0.1:1", TLSCA: missing},
		"certificate": {URL: "nats://127.0.0.1:1", TLSCert: missing, TLSKey: missing},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := natsconn.Connect(cfg, "test", zerolog.Nop())
			if err == nil {
				conn.Close()
			}
			testcheck.ErrorContains(t, err, "connect to nats", "missing.pem", "NATS_TLS")
		})
	}
}

func TestConnect_WaitsForTheServer(t *testing.T) {
	s := streamtest.StartParallel(t)
	s.Shutdown()
	conn := s.Conn(t)
	testcheck.ErrorContains(t, conn.Check(streamtest.Within(t)), "not connected to "+s.URL())
	_, err := stream.EnsureLog(streamtest.Within(t), conn)
	testcheck.ErrorContains(t, err, "not connected")
	s.Restart(t)
	streamtest.WaitConnected(t, conn)
	s.Shutdown()
	testwait.Until(t, "the lost connection shows", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		return conn.Check(ctx) != nil
	})
	s.Restart(t)
	streamtest.WaitConnected(t, conn)
}

func TestConn_CheckWithoutJetStream(t *testing.T) {
	s := streamtest.StartParallel(t, func(o *server.Options) { o.JetStream = false })
	conn := s.Conn(t)
	testcheck.ErrorContains(t, conn.Check(streamtest.Within(t)), "jetstream", "-js")
	_, err := stream.EnsureLog(streamtest.Within(t), conn)
	testcheck.ErrorContains(t, err, "jetstream", "-js")
	_, err = stream.OpenLog(streamtest.Within(t), conn)
	testcheck.ErrorContains(t, err, "jetstream", "-js")
}
