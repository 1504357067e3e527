// Package page looks at the reference registry's page for people through a headless Chromium: on a narrow phone, in the
// dark, with two hundred components, and with content that would like to be code.
//
// It needs Chromium, and fails without one: `apt-get install chromium` on Debian. The pictures in docs/images are made by
//
//	go test ./test/page -run TestPictures -screenshots docs/images
package page
