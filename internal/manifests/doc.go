// Package manifests reports the Components of a folder of YAML and JSON files as if it were a cluster: it is the
// source of whoever has no cluster, or keeps the truth in files. Subfolders and symbolic links are followed, as
// Kubernetes mounts a ConfigMap; hidden names and the leftovers of editors are not.
//
// Source looks at the folder when the file system notifies it, and in any case every few seconds, since network file
// systems notify of nothing. A look only compares sizes and times, and what changed is read once two looks in a row
// agree on it. So a file that is being written, or replaced by way of another name, is waited for. What is written in
// place over a slow line may still be read by halves: write it under another name and rename it.
//
// A missing file is absence, not a reported deletion: its Components are missing from another round, and whether they are
// deleted is the observer's decision. It guarantees that nothing counts as absent but what is known to be:
//   - a file that cannot be read or parsed keeps what it last gave, and is named in the log with the line;
//   - a folder that vanished or cannot be listed keeps everything below it, and State says so;
//   - while there is a file or folder that could not be read since the start, nobody knows what it holds: changes are
//     reported, but the round stays open, so that nothing is inferred from absence.
//
// Where two documents describe one Component, the first in the order of paths counts, and the other takes over when
// it goes.
//
// The tests work on real folders.
package manifests
