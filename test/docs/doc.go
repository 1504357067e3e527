// Package docs checks the documentation against the repository: relative links and anchors resolve, and the functions, types,
// files and tests that it names exist.
package docs
