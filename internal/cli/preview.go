package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"odasync/internal/component"
	"odasync/internal/kube"
	"odasync/internal/manifests"
	"odasync/internal/preview"
	"odasync/internal/registry"
	"odasync/internal/watcher"
)

func previewCommand() *cli.Command {
	return &cli.Command{
		Name:  "preview",
		Usage: "show what a registry would get for manifests, without a cluster and a registry",
		Description: "Prints the requests of a first sync of the Components in the files, and what a registry would reject. Other resources in\n" +
			"the files are ignored. A manifest without a status gives APIs that are not ready, with in-cluster addresses.\n\n" +
			"Exit code 1: a Component has a problem. Suited to check manifests before they are released.\n\n" +
			"Examples:\n" +
			"  ctl preview -f component.yaml\n" +
			"  helm template ./chart | ctl preview -f - --api v1 -o json",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "filename", Aliases: []string{"f"}, Usage: "`FILE` or folder with manifests, - for the standard input; may be repeated"},
			&cli.StringFlag{Name: "api", Usage: "the registry's `API`, v1 or tmf639 (default: COMPONENT_REGISTRY_API, or else tmf639)"},
			outputFlag("yaml", "json"),
		},
		Action: previewAction,
	}
}

func previewAction(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	files := c.StringSlice("filename")
	if len(files) == 0 {
		return errors.New("name the manifests with -f FILE, or -f - for the standard input")
	}
	var (
		cluster kube.Config
		watched watcher.Config
		cfg     registry.Config
	)
	if _, err := load(c.Context, &cluster, &watched, &cfg); err != nil {
		return err
	}
	if api := c.String("api"); api != "" {
		cfg.API = api
	} else if cfg.API == registry.APIAuto {
		cfg.API = registry.APITMF639
	}
	if known := []string{registry.APIV1, registry.APITMF639}; !slices.Contains(known, cfg.API) {
		return fmt.Errorf("--api is %q: %s", cfg.API, strings.Join(known, " or "))
	}
	seen, failed, err := readManifests(c, cluster.Group, files)
	if err != nil {
		return err
	}
	if len(seen) == 0 && !failed {
		return fmt.Errorf("no Component of %s in %s", cluster.Group, strings.Join(files, ", "))
	}
	previews, err := previewAll(c.Context, cfg, watched.ClusterName, seen)
	if err != nil {
		return err
	}
	if _, err := printAs(c.App.Writer, c.String("output"), previews); err != nil {
		return err
	}
	for _, p := range previews {
		for _, problem := range p.Problems {
			failed = true
			note(c, "%s/%s: %s", p.Namespace, p.Name, problem)
		}
	}
	if failed {
		return errNegative
	}
	return nil
}

// previewAll previews the Components in one registry, so that two that want the same name meet there.
func previewAll(ctx context.Context, cfg registry.Config, cluster string, seen []component.Observation) ([]preview.Preview, error) {
	r, err := preview.Open(ctx, cfg, cluster)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	previews := []preview.Preview{}
	for _, one := range seen {
		p, err := r.Apply(ctx, one)
		if err != nil {
			return nil, err
		}
		previews = append(previews, p)
	}
	return previews, nil
}

// readManifests returns the Components of the files and folders. A file that is no manifest is reported, and the others are read
// all the same.
func readManifests(c *cli.Context, group string, names []string) (seen []component.Observation, failed bool, err error) {
	for _, name := range names {
		files := []string{name}
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			if files, err = manifests.Files(name); err != nil {
				return nil, false, err
			}
		}
		for _, file := range files {
			content, err := readFile(c, file)
			if err != nil {
				return nil, false, err
			}
			all, err := manifests.Parse(group, content)
			if err != nil {
				failed = true
				note(c, "%s: %v", file, err)
			}
			seen = append(seen, all...)
		}
	}
	return seen, failed, nil
}

func readFile(c *cli.Context, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(c.App.Reader)
	}
	return os.ReadFile(name)
}
