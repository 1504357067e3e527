// Package terminal draws a terminal session as a picture: text in, SVG out.
//
// The picture is light or dark as its reader's system is. Lines that begin with "$ " are commands. Colours and bold text in the
// output of a command, as ctl writes them with --color always, are kept; other control characters are shown as escapes. The test of the tour writes the README's picture with it.
package terminal
