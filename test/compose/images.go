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

// provideImages builds a substitute for each missing base image, and returns the names of all substitutes.
func provideImages(ctx context.Context, d *daemon) ([]string, error) {
	golang, err := named("Dockerfile", `(?m)^ARG GO_IMAGE=(\S+)$`)
	if err != nil {
		return nil, err
	}
	base, err := named("Dockerfile", `(?m)^ARG BASE_IMAGE=(\S+)$`)
	if err != nil {
		return nil, err
	}
	nats, err := named("docker-compose.yaml", `(?m)^    image: (nats:\S+)$`)
	if err != nil {
		return nil, err
	}
	var made []string
	for _, s := range []substitute{goImage(golang), baseImage(base), natsImage(nats)} {
		is, err := provide(ctx, s)
		if err != nil {
			return made, err
		}
		if is {
			made = append(made, s.image)
		}
	}
	return made, nil
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
