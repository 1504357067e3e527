// Package release tests the scripts that make a release: deploy/base-images.sh against an image registry on loopback that demands
// a token, deploy/release.sh on clones of the repository, and deploy/vulncheck.sh without a database. The tools are those that
// `make test` installs in bin/tools; docker is a script that records what it is asked for.
package release
