package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"odasync/internal/testcheck"
)

// git runs git with an identity, which a machine may not have.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return strings.TrimSpace(must(t, dir, nil, "git", append([]string{"-c", "user.name=test", "-c", "user.email=test@example.org"}, args...)...))
}

// clone is a clone of the repository's last commit, on a branch with the unreleased change of the changelog.
func clone(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	git(t, root(t), "clone", "--quiet", "--shared", root(t), dir)
	git(t, dir, "switch", "--quiet", "--create", "release")
	git(t, dir, "config", "user.name", "test")
	git(t, dir, "config", "user.email", "test@example.org")
	testcheck.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	tools, err := filepath.EvalSymlinks(filepath.Join(root(t), "bin", "tools"))
	testcheck.NoError(t, err)
	testcheck.NoError(t, os.Symlink(tools, filepath.Join(dir, "bin", "tools")))
	write(t, filepath.Join(dir, "CHANGELOG.md"), "# Changelog\n\n## Unreleased\n\n### Added\n\n- A feature.\n\n## 0.0.1 - 2020-01-01\n\n- The first.\n", 0o644)
	git(t, dir, "commit", "--quiet", "--all", "--message", "changelog: one change")
	return dir
}

func TestRelease_Refuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		arguments []string
		prepare   func(t *testing.T, dir string)
		code      int
		says      string
	}{
		"no version":         {nil, nil, 2, "usage: release.sh VERSION"},
		"a version with a v": {[]string{"v1.2.3"}, nil, 2, "such as 1.2.3"},
		"an unknown flag":    {[]string{"1.2.3", "--dryrun"}, nil, 2, "usage: release.sh VERSION"},
		"changes in the tree": {[]string{"1.2.3"}, func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "new"), "", 0o644)
		}, 1, "the working tree has changes"},
		"a version that exists": {[]string{"1.2.3"}, func(t *testing.T, dir string) {
			git(t, dir, "tag", "v1.2.3")
		}, 1, "the tag v1.2.3 exists"},
		"an earlier release in dist": {[]string{"1.2.3"}, func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "dist", "file"), "", 0o644)
		}, 1, "dist/ has an earlier release"},
		"nothing in the changelog": {[]string{"1.2.3"}, func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "CHANGELOG.md"), "# Changelog\n\n## Unreleased\n\n## 0.0.1\n\n- The first.\n", 0o644)
			git(t, dir, "commit", "--quiet", "--all", "--message", "changelog: none")
		}, 1, "the unreleased section of CHANGELOG.md is empty"},
		"images without digests": {[]string{"1.2.3"}, func(t *testing.T, dir string) {
			pin(t, dir, "")
		}, 1, "images without a digest"},
	} {
		t.Run("when there is "+name, func(t *testing.T) {
			t.Parallel()
			dir := clone(t)
			if test.prepare != nil {
				test.prepare(t, dir)
			}
			before := git(t, dir, "log", "-1", "--format=%H")
			printed, code := run(t, dir, nil, "deploy/release.sh", test.arguments...)
			testcheck.Equal(t, "exit code", test.code, code)
			testcheck.Contains(t, "what it printed", printed, test.says)
			testcheck.Equal(t, "last commit", before, git(t, dir, "log", "-1", "--format=%H"))
		})
	}
}

// pin gives the images the digest, or removes it if it is empty.
func pin(t *testing.T, dir, digest string) {
	t.Helper()
	for line := range strings.Lines(must(t, dir, nil, "deploy/base-images.sh", "list")) {
		file, image, _ := strings.Cut(strings.TrimSpace(line), " ")
		tag, _, _ := strings.Cut(image, "@")
		path := filepath.Join(dir, file)
		write(t, path, strings.ReplaceAll(read(t, path), image+"\n", tag+digest+"\n"), 0o644)
	}
	if git(t, dir, "status", "--porcelain") != "" {
		git(t, dir, "commit", "--quiet", "--all", "--message", "Dockerfile: digests")
	}
}

// TestRelease makes a release without an upload, first dry with images that have no digest, then really with a docker that only
// writes the archive.
func TestRelease(t *testing.T) {
	t.Parallel()
	dir := clone(t)
	docker := t.TempDir()
	write(t, filepath.Join(docker, "docker"), `#!/bin/sh
echo "$@" >>"`+docker+`/asked"
for argument; do case "$argument" in type=oci,dest=*) echo image >"${argument#type=oci,dest=}" ;; esac; done
`, 0o755)
	env := []string{"PLATFORMS=linux/" + runtime.GOARCH, "PATH=" + docker + ":" + os.Getenv("PATH")}
	pin(t, dir, "")
	before := git(t, dir, "log", "-1", "--format=%H")

	printed := must(t, dir, env, "deploy/release.sh", "1.2.3", "--dry-run")
	testcheck.Contains(t, "what the dry run printed", printed, "a release would be refused: images without a digest", "image: skipped", "no commit, no tag")
	testcheck.Equal(t, "last commit", before, git(t, dir, "log", "-1", "--format=%H"))
	testcheck.Equal(t, "tags", "", git(t, dir, "tag", "--list", "v1.2.3"))
	files := released(t, dir)
	testcheck.Equal(t, "an image", "", files["odasync-image-1.2.3.tar"])
	testcheck.NoError(t, os.RemoveAll(filepath.Join(dir, "dist")))

	pin(t, dir, "@"+digest("image"))
	printed = must(t, dir, env, "deploy/release.sh", "1.2.3")
	testcheck.Contains(t, "what the release printed", printed, "git push origin release v1.2.3", "crane push", "helm push")
	testcheck.Equal(t, "the tag's commit", git(t, dir, "rev-parse", "HEAD"), git(t, dir, "rev-parse", "v1.2.3^{commit}"))
	testcheck.Equal(t, "state of the tree", "", git(t, dir, "status", "--porcelain"))
	testcheck.Contains(t, "CHANGELOG.md", read(t, filepath.Join(dir, "CHANGELOG.md")), "## Unreleased\n\n## 1.2.3 - 2", "\n\n### Added\n\n- A feature.\n\n## 0.0.1")
	testcheck.Contains(t, "the manifests", read(t, filepath.Join(dir, "deploy", "manifests", "syncer.yaml")), "image: odasync:1.2.3")
	files = released(t, dir)
	testcheck.Equal(t, "the image", "image\n", files["odasync-image-1.2.3.tar"])
	testcheck.Contains(t, "docker's arguments", read(t, filepath.Join(docker, "asked")), "buildx build --platform linux/"+runtime.GOARCH,
		"--build-arg VERSION=1.2.3", "--build-arg COMMIT="+git(t, dir, "rev-parse", "--short", "HEAD"), "--build-arg CREATED=2", "--tag odasync:1.2.3")
}

// released checks the files of dist and returns them by name.
func released(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(dir, "dist"))
	testcheck.NoError(t, err)
	for _, entry := range entries {
		files[entry.Name()] = read(t, filepath.Join(dir, "dist", entry.Name()))
	}
	sums := files["SHA256SUMS"]
	testcheck.Equal(t, "number of checksums", len(files)-1, strings.Count(sums, "\n"))
	for name, text := range files {
		if sum := sha256.Sum256([]byte(text)); name != "SHA256SUMS" {
			testcheck.Contains(t, "SHA256SUMS", sums, hex.EncodeToString(sum[:])+"  "+name+"\n")
		}
	}
	testcheck.Equal(t, "the notes", "# odasync 1.2.3\n\n### Added\n\n- A feature.\n", files["odasync-1.2.3.md"])

	unpacked := t.TempDir()
	must(t, unpacked, nil, "tar", "-xf", filepath.Join(dir, "dist", "odasync-1.2.3-linux-"+runtime.GOARCH+".tar.gz"))
	for _, program := range []string{"watcher", "syncer", "ctl", "third-party-notices.txt"} {
		if _, err := os.Stat(filepath.Join(unpacked, program)); err != nil {
			t.Errorf("the archive lacks %s: %v", program, err)
		}
	}
	testcheck.Contains(t, "ctl's version", must(t, unpacked, nil, "./ctl", "version", "--client"), "1.2.3")

	chart := must(t, dir, nil, tool(t, "helm"), "show", "chart", filepath.Join("dist", "odasync-chart-1.2.3.tgz"))
	testcheck.Contains(t, "the chart", chart, "\nversion: 1.2.3\n", "appVersion: 1.2.3\n")
	for _, program := range []string{"watcher", "syncer", "ctl"} {
		var bill struct {
			BOMFormat  string
			Components []struct{ Name string }
		}
		testcheck.NoError(t, json.Unmarshal([]byte(files["odasync-1.2.3-"+program+".cdx.json"]), &bill))
		testcheck.Equal(t, "format of the bill of materials", "CycloneDX", bill.BOMFormat)
		if len(bill.Components) < 20 {
			t.Errorf("the bill of materials of %s has %d components", program, len(bill.Components))
		}
	}
	return files
}
