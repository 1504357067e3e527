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

// standIn is what takes the place of a base image that is not there.
type standIn struct {
	image    string                 // name and tag
	settings []string               // as in a Dockerfile
	key      func() (string, error) // changes when the content does
	fill     func(*layer) error
}

// standInLabel marks an image as a stand-in, with its key.
const standInLabel = "odasync.stand-in"

// provideImages makes a stand-in of each base image that is missing, and returns the names of the stand-ins.
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
	for _, s := range []standIn{goImage(golang), baseImage(base), natsImage(nats)} {
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

// provide says whether the image is a stand-in.
func provide(ctx context.Context, s standIn) (bool, error) {
	key, err := s.key()
	if err != nil {
		return false, fmt.Errorf("make a stand-in for %s: %w", s.image, err)
	}
	label, err := docker(ctx, "image", "inspect", "--format", `{{index .Config.Labels "`+standInLabel+`"}}`, s.image)
	switch {
	case err == nil && label == "":
		say("%s is the real one", s.image)
		return false, nil
	case err == nil && label == key:
		say("%s is a stand-in of an earlier run", s.image)
		return true, nil
	}
	args := []string{"import"}
	for _, setting := range append(s.settings, "LABEL "+standInLabel+"="+key) {
		args = append(args, "--change", setting)
	}
	command := exec.CommandContext(ctx, "docker", append(args, "-", s.image)...)
	content, write := io.Pipe()
	command.Stdin = content
	filled := make(chan error, 1)
	go func() {
		l := &layer{tar.NewWriter(write)}
		err := errors.Join(s.fill(l), l.Close())
		_ = write.CloseWithError(err) // of a pipe, without an outcome
		filled <- err
	}()
	_, err = output(command)
	_ = content.Close() // lets the writer end
	if err := errors.Join(<-filled, err); err != nil {
		return false, fmt.Errorf("make a stand-in for %s: %w", s.image, err)
	}
	say("%s is a new stand-in", s.image)
	return true, nil
}

// removeImages takes the stand-ins away from a daemon that others use: what they build next must not stand on them.
func removeImages(d *daemon, images []string) error {
	if d.own != nil || len(images) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	_, err := docker(ctx, append([]string{"image", "rm", "--force"}, images...)...)
	return err
}

// named reads an image's name out of a file.
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

// goTool runs the go command with the settings of the image's build.
func goTool(args ...string) (string, error) {
	command := exec.Command("go", args...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=-trimpath -buildvcs=false", "GOWORK=off")
	out, err := output(command)
	return strings.TrimSpace(out), err
}
