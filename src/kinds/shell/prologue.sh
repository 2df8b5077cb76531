# What the shell of every kind begins with: the user's own settings do not reach the programs that a kind calls. Proxies and
# certificates (http_proxy, https_proxy, no_proxy, SSL_CERT_FILE) are the host's way out, and stay.
\unalias -a 2> /dev/null || :
for pb_name in [ apk apt-cache apt-get aws awk cat cd chgrp chmod chown cksum cmp command cp curl cut date dd df diff dnf dpkg-deb dpkg-query du echo env expr find getent getfacl grep gzip head id kill ls mkdir mktemp mv od printf ps pwd python3 read rm rmdir rpm sed setpriv setsid sleep sort stat su sudo sync tail tar test touch tr umask unzip wc wget xargs yum zypper; do
    \unset -f "$pb_name" 2> /dev/null || :
done
unset -v APT_CONFIG BLOCKSIZE BLOCK_SIZE BZIP BZIP2 CDPATH COLUMNS CURL_HOME DF_BLOCK_SIZE DIFF_OPTIONS DPKG_ADMINDIR DPKG_FORCE DPKG_ROOT GREP_COLOR GREP_COLORS GREP_OPTIONS GZIP LS_BLOCK_SIZE LS_OPTIONS PERL5LIB PERL5OPT PERLLIB POSIXLY_CORRECT PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONWARNINGS QUOTING_STYLE RPM_CONFIGDIR SIMPLE_BACKUP_SUFFIX TAPE TAR_OPTIONS TIME_STYLE TMPDIR UNZIP UNZIPOPT VERSION_CONTROL WGETRC XZ_DEFAULTS XZ_OPT ZIPINFO ZIPINFOOPT ZYPP_CONF _POSIX2_VERSION
# What a kind's shell reads before it sets it.
unset -v pb_before_put pb_brought pb_candidate pb_changes pb_extra pb_is_holder pb_judge pb_thing pb_trusted
LANG=C LC_ALL=C
export LANG LC_ALL
IFS=' 	
'
# mksh has no printf of its own. An argument of another program can be read by every user, and cannot be long.
case ${KSH_VERSION-} in
*MIRBSD*) eval 'printf() {
case $1 in
%s) print -rn -- "$2" ;;
%b) print -n -- "$2" ;;
%s\\n) shift && while [ $# -gt 0 ]; do print -r -- "$1" || return; shift; done ;;
*) command printf "$@" ;;
esac
}' ;;
esac
