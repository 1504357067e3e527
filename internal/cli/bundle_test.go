package cli_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"odasync/internal/config"
	"odasync/internal/daemon"
	"odasync/internal/event"
	"odasync/internal/store"
	"odasync/internal/target"
)

// documents reads an archive: its documents by name.
func documents(t *testing.T, file string) map[string]string {
	t.Helper()
	archive, err := os.Open(file)
	must(t, err)
	defer archive.Close()
	zip, err := gzip.NewReader(archive)
	must(t, err)
	all := map[string]string{}
	for files := tar.NewReader(zip); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		text, err := io.ReadAll(files)
		must(t, err)
		all[path.Base(header.Name)] = string(text)
	}
}

// TestSupportBundle_HasNoSecret plants secrets in every secret variable, in URLs, and in what a registry answered.
func TestSupportBundle_HasNoSecret(t *testing.T) {
	p := newPipeline(t)
	const planted = "planted-s3cr3t"
	t.Setenv("NATS_URL", strings.Replace(p.nats.URL(), "://", "://someone:"+planted+"@", 1))
	t.Setenv("COMPONENT_REGISTRY_URL", "http://someone:"+planted+"@registry.example.org")
	sections := append(new(daemon.WatcherConfig).Sections(), new(daemon.SyncerConfig).Sections()...)
	secrets := 0
	for _, v := range config.Variables(sections...) {
		if v.Secret {
			t.Setenv(v.Name, planted+"-"+v.Name)
			secrets++
		}
	}
	if secrets < 3 {
		t.Fatalf("%d secret variables", secrets)
	}
	t.Setenv("NATS_USER", "someone")
	const detail = `HTTP 401: {"token":"` + planted + `-COMPONENT_REGISTRY_API_KEY"} at http://ada:` + planted + `@proxy, Authorization: Bearer abcdefgh`
	c := content("shop", "catalog", "1")
	c.Metadata.Description = planted + " in the content"
	e := p.publish(t, c)
	p.record(t, target.State{Key: e.Key, Sequence: e.Sequence, Outcome: target.OutcomeFailed, Reason: target.ClassInvalid, Hash: e.Hash, Error: detail, Updated: time.Now()})
	p.ensureTarget(t)
	letters, err := store.EnsureDeadLetters(t.Context(), p.nats.Conn(t), "default")
	must(t, err)
	must(t, letters.Put(t.Context(), target.DeadLetter{
		Event: event.Event{Key: e.Key, Sequence: e.Sequence, Component: c}, Target: "default", Reason: target.ClassInvalid, Detail: detail, First: time.Now(), Last: time.Now(),
	}))

	r := ctl(t, "support-bundle", "-f", "bundle.tar.gz")
	r.expect(t, 0)
	if r.stdout != "bundle.tar.gz\n" {
		t.Errorf("stdout: %q", r.stdout)
	}
	info, err := os.Stat("bundle.tar.gz")
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s", info.Mode())
	}
	all := documents(t, "bundle.tar.gz")
	for name, text := range all {
		for _, secret := range []string{planted, "abcdefgh"} {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s has a secret: …%s…", name, text[max(0, at-80):min(at+80, len(text))])
			}
		}
	}
	for name, want := range map[string]string{
		"about.json": `"version": `, "configuration.json": `"name": "NATS_URL"`, "server.json": `"url": "nats://`, "status.json": `"failed": 1`,
		"targets.json": `"default": "http://`, "not-in-sync.json": `HTTP 401: {\"token\":\"***\"} at http://***@proxy, Authorization: Bearer ***`,
		"dead-letters.json": `"reason": "invalid"`, "streams.json": `"ODA_COMPONENTS": {`, "consumers.json": `"name": "syncer`,
	} {
		if !strings.Contains(all[name], want) {
			t.Errorf("%s lacks %s:\n%s", name, want, all[name])
		}
	}
	if all["errors.txt"] != "" {
		t.Errorf("errors: %s", all["errors.txt"])
	}

	ctl(t, "support-bundle", "-f", "bundle.tar.gz").expect(t, 2, "bundle.tar.gz exists: remove it, or give another --file")
	ctl(t, "context", "set", "lab", "CLUSTER_NAME=of-the-context").expect(t, 0)
	ctl(t, "support-bundle", "-f", "context.tar.gz", "--context", "lab").expect(t, 0)
	if configuration := documents(t, "context.tar.gz")["configuration.json"]; !strings.Contains(configuration, `"value": "of-the-context"`) {
		t.Errorf("the configuration lacks the context's:\n%s", configuration)
	}

	t.Setenv("NATS_URL", "nats://someone:"+planted+"@"+unusedAddress(t))
	r = ctl(t, "support-bundle", "-f", "down.tar.gz")
	r.expect(t, 2, "connect to nats", "the archive only has the configuration")
	all = documents(t, "down.tar.gz")
	if !strings.Contains(all["errors.txt"], "nats: connect to nats") || all["configuration.json"] == "" || strings.Contains(all["errors.txt"]+all["configuration.json"]+r.stderr, planted) {
		t.Errorf("without NATS: %v\n%s", all, r.stderr)
	}
}
