// Package opstest makes certificates for tests.
package opstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	"odasync/internal/testcheck"
)

// Certificate writes a certificate of its own making for the hosts and its key, each in place of what stood there.
func Certificate(t testing.TB, cert, key string, hosts ...string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	testcheck.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	testcheck.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: hosts[0]}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	testcheck.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	testcheck.NoError(t, err)
	write(t, cert, "CERTIFICATE", signed)
	write(t, key, "PRIVATE KEY", encoded)
}

// write puts the file there at once, as a rename does.
func write(t testing.TB, path, kind string, content []byte) {
	t.Helper()
	testcheck.NoError(t, os.WriteFile(path+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600))
	testcheck.NoError(t, os.Rename(path+".new", path))
}
