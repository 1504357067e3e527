package security

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"odasync/internal/config"
	"odasync/internal/natsconn"
	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// roles are the users of deploy/nats/accounts.conf.
var roles = []string{"watcher", "syncer", "ctl"}

// password is the password of a role.
func password(role string) string { return "pass-of-" + role }

// authority is a certificate authority, with the files for a server and its clients.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey

	config string // of the servers
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), config: configFile(t)}
	a.cert, a.key = a.issue("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue writes NAME.crt and NAME.key. The first certificate signs itself.
func (a *authority) issue(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	testcheck.NoError(a.t, err)
	c.Subject = pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	testcheck.NoError(a.t, err)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	testcheck.NoError(a.t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	testcheck.NoError(a.t, err)
	for suffix, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		testcheck.NoError(a.t, os.WriteFile(a.file(name+suffix), pem.EncodeToMemory(block), 0o600))
	}
	made, err := x509.ParseCertificate(der)
	testcheck.NoError(a.t, err)
	return made, key
}

// server issues a certificate for loopback, and client one for a client.
func (a *authority) server() {
	a.issue("server", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
}

func (a *authority) client(name string) {
	a.issue(name, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// serverEnv are the variables of deploy/nats/odasync.conf and accounts.conf.
func (a *authority) serverEnv(data string) map[string]string {
	env := map[string]string{"ODASYNC_NATS_DATA": data, "ODASYNC_NATS_CERT": a.file("server.crt"), "ODASYNC_NATS_KEY": a.file("server.key"),
		"ODASYNC_NATS_CLIENT_CA": a.file("ca.crt")}
	for _, role := range roles {
		env["ODASYNC_"+strings.ToUpper(role)+"_PASSWORD"] = password(role)
	}
	return env
}

// clientEnv are the variables of a role's process.
func (a *authority) clientEnv(url, role string) map[string]string {
	file := a.file(role + ".password")
	testcheck.NoError(a.t, os.WriteFile(file, []byte(password(role)+"\n"), 0o600))
	return map[string]string{"NATS_URL": url, "NATS_USER": role, "NATS_PASSWORD_FILE": file, "NATS_TLS_CA": a.file("ca.crt")}
}

// clientConfig is the same for a connection of the test itself.
func (a *authority) clientConfig(url, role string) natsconn.Config {
	return natsconn.Config{
		URL: url, User: role, Password: config.Fixed(config.Secret(password(role))), TLSCA: a.file("ca.crt"), Replicas: 1, History: 32,
	}
}

// configFile is the configuration in deploy/.
func configFile(t testing.TB) string {
	t.Helper()
	root := testcheck.Must(procs.Root())
	return filepath.Join(root, "deploy", "nats", "odasync.conf")
}

// start runs a nats-server with the configuration, which logs every message of every connection.
func (a *authority) start(env *testenv.Env, more ...string) {
	env.Helper()
	port, err := procs.FreePort()
	env.Must(err)
	monitor, err := procs.FreePort()
	env.Must(err)
	spec := procs.Spec{
		Name: "nats", Program: "nats-server", Env: a.serverEnv(filepath.Join(env.Group.Dir, "data")),
		Args: append([]string{"-V", "-c", a.config, "-a", "127.0.0.1", "-p", fmt.Sprint(port), "-m", fmt.Sprint(monitor)}, more...),
	}
	server, url, err := env.Group.RestartNATS(env.Within(testenv.Timeout), spec)
	env.Must(err)
	env.NATS, env.NATSURL = []*procs.Process{server}, strings.Replace(url, "nats://", "tls://", 1)
}
