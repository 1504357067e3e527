package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/ops"
)

// healthAnswer is how much of an answer is shown, in bytes.
const healthAnswer = 64 << 10

// healthCommand is the health check of a container, whose image has no other program that could ask.
func healthCommand() *cli.Command {
	return &cli.Command{
		Name:  "health",
		Usage: "ask a running watcher, syncer or registry how it is",
		Description: "Without --url it asks the watcher or syncer that MONITORING_HOST and MONITORING_PORT lead to whether it is\n" +
			"ready. Exit code 0 says that the answer is good, 1 that it is not or that there is none.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "url", Usage: "`URL` to ask (default: /readyz of the daemon here)"},
			timeoutFlag(5 * time.Second),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return fmt.Errorf("unexpected argument %q: see ctl health --help", c.Args().First())
			}
			address, trust, err := healthURL(c)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
			defer cancel()
			if err := askHealth(ctx, address, trust, c.App.Writer); err != nil {
				_, _ = fmt.Fprintf(c.App.ErrWriter, "ctl: %v\n", err) // the exit code says it too
				return errNegative
			}
			return nil
		},
	}
}

// healthURL is what to ask: the flag's address, or the readiness of the daemon that is configured as this process is. trust
// is how that proves itself; nil for the machine's authorities.
func healthURL(c *cli.Context) (address string, trust *tls.Config, err error) {
	if !c.IsSet("url") {
		var daemon ops.Config
		if _, err := load(c.Context, &daemon); err != nil {
			return "", nil, err
		}
		if !daemon.Monitoring || daemon.Port == 0 {
			return "", nil, fmt.Errorf("nothing to ask: MONITORING_ENABLED is %t and MONITORING_PORT %d: give the address with --url", daemon.Monitoring, daemon.Port)
		}
		if daemon.TLSCert != "" {
			if trust, err = pinned(daemon.TLSCert); err != nil {
				return "", nil, err
			}
		}
		return readyz(daemon), trust, nil
	}
	address = c.String("url")
	if u, err := url.Parse(address); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", nil, fmt.Errorf("--url is %q: http:// or https://, a host and a path", address)
	}
	return address, nil, nil
}

// pinned trusts whoever has the certificate in the file, whatever names stand in it: it is made for those who ask from
// outside, and the daemon here is asked on loopback.
func pinned(path string) (*tls.Config, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("MONITORING_TLS_CERT: %w: give the daemon's certificate", err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("MONITORING_TLS_CERT is %q: no PEM certificate in it", path)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // in favour of the comparison below
		VerifyConnection: func(state tls.ConnectionState) error {
			if !bytes.Equal(state.PeerCertificates[0].Raw, block.Bytes) {
				return errors.New("it has another certificate than MONITORING_TLS_CERT")
			}
			return nil
		},
	}, nil
}

// readyz is where a daemon of this configuration says whether it is ready. One that listens on every address is asked
// on loopback.
func readyz(daemon ops.Config) string {
	host := daemon.Host
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if daemon.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(daemon.Port)) + "/readyz"
}

// askHealth copies the answer to out; anything but a 2xx is an error.
func askHealth(ctx context.Context, address string, trust *tls.Config, out io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: trust} // without a proxy: the process is near
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("ask for health: %w: check that it runs and listens there", err)
	}
	defer func() { _ = response.Body.Close() }() // only read
	answer, err := io.ReadAll(io.LimitReader(response.Body, healthAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", address, err)
	}
	if _, err := fmt.Fprintln(out, strings.TrimSpace(string(answer))); err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	return nil
}
