// Package manifests is the source of Components without a cluster: a folder of YAML and JSON files. It follows subfolders and
// symbolic links, as in a mounted ConfigMap, and ignores hidden names and the temporary files of editors.
//
// [Source] scans the folder when the file system notifies it of changes, and every few seconds in any case, since network file
// systems send no notifications. A scan compares sizes and times. A change counts once two scans in a row agree, so that a file
// that is being written, or replaced by a rename, is complete. A file that is written in place over a slow line may still be
// read before it is complete: write it under another name and rename it.
//
// # Guarantees
//
// A missing file is absence, not a reported deletion: its Components are missing from the next resync, and the observer decides
// about their deletion. Only a Component that is known to be missing is absent:
//   - a file that cannot be read or parsed keeps its last Components, is logged with the line and listed by [Source.Unreadable];
//   - it may contain Components that this process never read, unless it was read before, and those that its text names or may
//     name: they are unknown, and not absent;
//   - a subfolder that cannot be listed keeps everything below it, and may contain any Component;
//   - while the folder itself is missing or cannot be listed, nothing is absent, and [Source.State] reports it.
//
// Of two documents of one Component, the first in the order of paths counts. The other one takes its place when it is removed.
//
// The tests use real folders.
package manifests
