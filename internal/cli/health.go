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

// healthLimit bounds the part of a response that is printed, in bytes.
const healthLimit = 64 << 10

// healthCommand is the health check of the container image, which has no HTTP client.
func healthCommand() *cli.Command {
	return &cli.Command{
		Name:  "health",
		Usage: "check the health of a running watcher, syncer or registry",
		Description: "Without --url, ctl requests /readyz of the watcher or syncer at MONITORING_HOST and MONITORING_PORT.\n\n" +
			"Exit code 1: the status of the response is not 2xx. 2: there is no response.\n\n" +
			"Examples:\n" +
			"  ctl health\n" +
			"  ctl health --url http://localhost:8000/health",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "url", Usage: "`URL` to request (default: /readyz at MONITORING_HOST and MONITORING_PORT)"},
			timeoutFlag(5 * time.Second),
		},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			address, trust, err := healthURL(c)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
			defer cancel()
			status, err := requestHealth(ctx, address, trust, c.App.Writer)
			if err != nil {
				return err
			}
			if status != "" {
				return negative(c, fmt.Errorf("%s responds with %s", address, status))
			}
			return nil
		},
	}
}

// healthURL is the flag's address, or /readyz of the daemon with the same environment. trust verifies the daemon's
// certificate; nil for the machine's authorities.
func healthURL(c *cli.Context) (address string, trust *tls.Config, err error) {
	if !c.IsSet("url") {
		var daemon ops.Config
		if _, err := load(c.Context, &daemon); err != nil {
			return "", nil, err
		}
		if !daemon.Monitoring || daemon.Port == 0 {
			return "", nil, fmt.Errorf("no address: MONITORING_ENABLED is %t and MONITORING_PORT is %d: give the address with --url", daemon.Monitoring, daemon.Port)
		}
		if daemon.TLSCert != "" {
			if trust, err = pinned(daemon.TLSCert); err != nil {
				return "", nil, err
			}
		}
		return monitoringURL(daemon, "/readyz"), trust, nil
	}
	address = c.String("url")
	if u, err := url.Parse(address); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", nil, fmt.Errorf("--url is %q: http:// or https://, a host and a path", address)
	}
	return address, nil, nil
}

// pinned trusts the certificate in the file, whatever names it has: they are those that clients outside use, and this
// request goes to loopback.
func pinned(path string) (*tls.Config, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("MONITORING_TLS_CERT: %w: give the daemon's certificate", err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("MONITORING_TLS_CERT is %q: the file has no PEM certificate", path)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // in favour of the comparison below
		VerifyConnection: func(state tls.ConnectionState) error {
			if !bytes.Equal(state.PeerCertificates[0].Raw, block.Bytes) {
				return errors.New("the server has another certificate than MONITORING_TLS_CERT")
			}
			return nil
		},
	}, nil
}

// monitoringURL is the address of a path of a daemon with this configuration: on loopback where it listens on every address.
func monitoringURL(daemon ops.Config, path string) string {
	host := daemon.Host
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if daemon.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(daemon.Port)) + path
}

// requestHealth copies the response to out. It returns its status where that is not 2xx, and an error where there is none.
func requestHealth(ctx context.Context, address string, trust *tls.Config, out io.Writer) (status string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: trust} // without a proxy: the process is on this machine or network
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return "", fmt.Errorf("request health: %w: check that the process is running and listens on this address", err)
	}
	defer func() { _ = response.Body.Close() }() // read only
	body, err := io.ReadAll(io.LimitReader(response.Body, healthLimit))
	if err != nil {
		return "", fmt.Errorf("read the response of %s: %w", address, err)
	}
	for text := range strings.SplitSeq(strings.TrimSpace(string(body)), "\n") {
		if err := line(out, "%s", strings.TrimSuffix(text, "\r")); err != nil {
			return "", err
		}
	}
	if response.StatusCode/100 != 2 {
		return response.Status, nil
	}
	return "", nil
}
