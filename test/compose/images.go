package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// substitute replaces a base image that the daemon does not have.
type substitute struct {
	image    string                 // with tag
	settings []string               // as in a Dockerfile
	key      func() (string, error) // changes with the content
	fill     func(*layer) error
}

// substituteLabel is the label of a substitute; its value is the key.
const substituteLabel = "odasync.substitute"

// baseImages are the names of the images that the test runs with. Those of the files can have a digest, which no substitute has.
type baseImages struct{ golang, base, nats string }

// override is a Compose file that sets the images.
func (b baseImages) override() string {
	return fmt.Sprintf("services:\n  nats:\n    image: %s\n  syncer:\n    build:\n      args: {GO_IMAGE: %q, BASE_IMAGE: %q}\n", b.nats, b.golang, b.base)
}

// provideImages builds a substitute for each missing base image, and returns the images to use and the names of all substitutes.
func provideImages(ctx context.Context, d *daemon) (use baseImages, made []string, err error) {
	for _, image := range []struct {
		file, pattern string
		substitute    func(string) substitute
		use           *string
	}{
		{"Dockerfile", `(?m)^ARG GO_IMAGE=(\S+)$`, goImage, &use.golang},
		{"Dockerfile", `(?m)^ARG BASE_IMAGE=(\S+)$`, baseImage, &use.base},
		{"docker-compose.yaml", `(?m)^    image: (nats:\S+)$`, natsImage, &use.nats},
	} {
		name, err := named(image.file, image.pattern)
		if err != nil {
			return use, made, err
		}
		*image.use = name
		tag, _, pinned := strings.Cut(name, "@")
		if _, err := docker(ctx, "image", "inspect", name); pinned && err == nil {
			say("%s is the original image", name)
			continue
		}
		*image.use = tag
		is, err := provide(ctx, image.substitute(tag))
		if err != nil {
			return use, made, err
		}
		if is {
			made = append(made, tag)
		}
	}
	return use, made, nil
}

// provide reports whether the image is a substitute.
func provide(ctx context.Context, s substitute) (bool, error) {
	key, err := s.key()
	if err != nil {
		return false, fmt.Errorf("build a substitute for %s: %w", s.image, err)
	}
	label, err := docker(ctx, "image", "inspect", "--format", `{{index .Config.Labels "`+substituteLabel+`"}}`, s.image)
	switch {
	case err == nil && label == "":
		say("%s is the original image", s.image)
		return false, nil
	case err == nil && label == key:
		say("%s is a substitute from an earlier run", s.image)
		return true, nil
	}
	args := []string{"import"}
	for _, setting := range append(s.settings, "LABEL "+substituteLabel+"="+key) {
		args = append(args, "--change", setting)
	}
	command := exec.CommandContext(ctx, "docker", append(args, "-", s.image)...)
	content, write := io.Pipe()
	command.Stdin = content
	filled := make(chan error, 1)
	go func() {
		l := &layer{tar.NewWriter(write)}
		err := errors.Join(s.fill(l), l.Close())
		_ = write.CloseWithError(err) // never fails for a pipe
		filled <- err
	}()
	_, err = output(command)
	_ = content.Close() // unblocks the writer
	if err := errors.Join(<-filled, err); err != nil {
		return false, fmt.Errorf("build a substitute for %s: %w", s.image, err)
	}
	say("%s is a new substitute", s.image)
	return true, nil
}

// removeImages removes the substitutes from a daemon that is used for other things, where later builds would use them.
func removeImages(d *daemon, images []string) error {
	if d.own != nil || len(images) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	_, err := docker(ctx, append([]string{"image", "rm", "--force"}, images...)...)
	return err
}

// named reads an image's name from a file.
func named(file, pattern string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("find the images: %w", err)
	}
	found := regexp.MustCompile(pattern).FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("find the images: %s has no line like %s", file, pattern)
	}
	return string(found[1]), nil
}

// goTool runs the go command with the settings that the Dockerfile builds with.
func goTool(args ...string) (string, error) {
	command := exec.Command("go", args...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=-trimpath -buildvcs=false", "GOWORK=off")
	out, err := output(command)
	return strings.TrimSpace(out), err
}
