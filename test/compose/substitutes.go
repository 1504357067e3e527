package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// goImage has the installed toolchain, the modules that go.mod requires as a file-based module proxy, and their compiled
// packages. odasync itself is compiled in the image.
func goImage(name string) substitute {
	return substitute{
		image: name,
		settings: []string{
			"ENV PATH=/usr/local/go/bin:/bin", "ENV GOTOOLCHAIN=local", "ENV GOPROXY=file:///goproxy", "ENV GOSUMDB=off", "ENV HOME=/root",
		},
		key: func() (string, error) {
			version, err := goTool("version")
			if err != nil {
				return "", err
			}
			return digestFiles(version, "go.mod", "go.sum")
		},
		fill: func(l *layer) error {
			root, err := goTool("env", "GOROOT")
			if err != nil {
				return err
			}
			errs := []error{l.busybox("sh", "mkdir"), l.folder("tmp", 0o1777), l.folder("root", 0o700)}
			for _, part := range []string{"bin", "pkg", "src", "lib"} {
				errs = append(errs, l.tree("usr/local/go/"+part, filepath.Join(root, part)))
			}
			for _, file := range []string{"VERSION", "go.env"} {
				errs = append(errs, l.file("usr/local/go/"+file, filepath.Join(root, file)))
			}
			return errors.Join(append(errs, addModules(l), addCompiled(l))...)
		},
	}
}

// addModules copies the downloads of the required modules, whose layout is that of a module proxy, and the go.mod files of
// the other versions in go.sum, from which the required versions follow.
func addModules(l *layer) error {
	listing, err := goTool("mod", "download", "-json")
	if err != nil {
		return err
	}
	cache, err := goTool("env", "GOMODCACHE")
	if err != nil {
		return err
	}
	downloads := filepath.Join(cache, "cache", "download")
	files := map[string]bool{}
	decoder := json.NewDecoder(strings.NewReader(listing))
	for decoder.More() {
		var module struct{ Info, GoMod, Zip string }
		if err := decoder.Decode(&module); err != nil {
			return fmt.Errorf("read the list of modules: %w", err)
		}
		files[module.Info], files[module.GoMod], files[module.Zip] = true, true, true
	}
	sums, err := os.ReadFile("go.sum")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(sums), "\n") {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		if version, is := strings.CutSuffix(fields[1], "/go.mod"); is {
			file := filepath.Join(downloads, filepath.FromSlash(escaped(fields[0])), "@v", escaped(version)+".mod")
			if _, err := os.Stat(file); err == nil { // go downloads only what it needs
				files[file] = true
			}
		}
	}
	for file := range files {
		inside, err := filepath.Rel(downloads, file)
		if err != nil {
			return err
		}
		if err := l.file("goproxy/"+filepath.ToSlash(inside), file); err != nil {
			return err
		}
	}
	return nil
}

// escaped returns a path in the notation of module proxies, for file systems that ignore case.
func escaped(path string) string {
	var b strings.Builder
	for _, r := range path {
		if 'A' <= r && r <= 'Z' {
			b.WriteByte('!')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// addCompiled copies the compiled packages of the modules from the build cache. Its entries are named after the hash of the
// action, whose beginning is the first part of a build id.
func addCompiled(l *layer) error {
	listing, err := goTool("list", "-export", "-deps", "-f", "{{if not (and .Module .Module.Main)}}{{.BuildID}} {{.Export}}{{end}}", "./cmd/...")
	if err != nil {
		return err
	}
	cache, err := goTool("env", "GOCACHE")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(listing, "\n") {
		id, export, _ := strings.Cut(line, " ")
		if export == "" {
			continue // unsafe has no object file
		}
		action, _, _ := strings.Cut(id, "/")
		hash, err := base64.RawURLEncoding.DecodeString(action)
		if err != nil || len(hash) < 8 {
			return fmt.Errorf("the build id %q does not have the form of Go 1.26", id)
		}
		name := hex.EncodeToString(hash)
		entries, err := filepath.Glob(filepath.Join(cache, name[:2], name+"*-a"))
		if err != nil || len(entries) != 1 {
			return errors.Join(fmt.Errorf("%d entries of the build cache for %s, want 1", len(entries), export), err)
		}
		for _, file := range append(entries, export) {
			if err := l.file("root/.cache/go-build/"+filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), file); err != nil {
				return err
			}
		}
	}
	return nil
}

const certificates = "/etc/ssl/certs/ca-certificates.crt"

// baseImage has what a static program needs, like the distroless image that it replaces.
func baseImage(name string) substitute {
	return substitute{
		image:    name,
		settings: []string{"ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "USER 65532"},
		key:      func() (string, error) { return digestFiles("base", certificates) },
		fill: func(l *layer) error {
			return errors.Join(
				l.folder("tmp", 0o1777),
				l.text("etc/passwd", "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"),
				l.text("etc/group", "root:x:0:\nnonroot:x:65532:\n"),
				l.file("etc/ssl/certs/ca-certificates.crt", certificates),
			)
		},
	}
}

// natsImage has the NATS server of the tests, and wget, like the Alpine image.
func natsImage(name string) substitute {
	const server = "bin/nats-server"
	return substitute{
		image:    name,
		settings: []string{"ENV PATH=/usr/local/bin:/bin", `CMD ["nats-server"]`},
		key:      func() (string, error) { return digestFiles("nats", server) },
		fill: func(l *layer) error {
			return errors.Join(l.busybox("sh", "wget"), l.folder("tmp", 0o1777), l.file("usr/local/bin/nats-server", server))
		},
	}
}

// digestFiles returns a digest of a text, of the files, and of the source of the substitutes.
func digestFiles(text string, files ...string) (string, error) {
	digest := sha256.New()
	digest.Write([]byte(text))
	for _, file := range slices.Concat(files, []string{"test/compose/substitutes.go"}) {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		if _, err := io.Copy(digest, bytes.NewReader(content)); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(digest.Sum(nil))[:16], nil
}
