// Package page tests the pages of the reference registry in a headless Chromium: on a narrow phone, in light and dark, with
// two thousand components, without a script, and with content that looks like code.
//
// It requires Chromium and fails without one: `apt-get install chromium` on Debian. To write the screenshots in docs/images:
//
//	go test ./test/page -run TestScreenshots -screenshots docs/images
package page
