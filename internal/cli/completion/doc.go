// Package completion has the scripts that make shells complete the command lines of ctl. They run the hidden command
// `ctl __complete WORD...`, which prints a candidate for the last word on each line, with a tab and a description.
package completion
