#compdef ctl
# zsh completion of ctl: source <(ctl completion zsh), or as the file _ctl in a folder of $fpath
compdef _ctl ctl
_ctl() {
    local -a candidates
    local line
    for line in "${(@f)$(${words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] && candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( $#candidates )); then _describe -V ctl candidates; else _files; fi
}
[[ $funcstack[1] == _ctl ]] && _ctl
