# What the shell of every kind begins with: the user's own settings do not reach the programs that a kind calls. Proxies and
# certificates (http_proxy, https_proxy, no_proxy, SSL_CERT_FILE) are the host's way out, and stay.
\unalias -a 2> /dev/null || :
for pb_name in [ awk cat cd chgrp chmod chown cksum cmp command cp curl cut date dd df diff du echo expr find getent getfacl grep gzip head id kill ls mkdir mktemp mv od printf pwd python3 read rm rmdir sed setpriv sleep sort stat su sync tail tar test touch tr umask unzip wc wget xargs; do
    \unset -f "$pb_name" 2> /dev/null || :
done
unset -v BLOCKSIZE BLOCK_SIZE BZIP BZIP2 CDPATH COLUMNS CURL_HOME DF_BLOCK_SIZE DIFF_OPTIONS GREP_COLOR GREP_COLORS GREP_OPTIONS GZIP LS_BLOCK_SIZE LS_OPTIONS POSIXLY_CORRECT PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONWARNINGS QUOTING_STYLE SIMPLE_BACKUP_SUFFIX TAPE TAR_OPTIONS TIME_STYLE TMPDIR UNZIP UNZIPOPT VERSION_CONTROL WGETRC XZ_DEFAULTS XZ_OPT ZIPINFO ZIPINFOOPT _POSIX2_VERSION
LANG=C LC_ALL=C
export LANG LC_ALL
IFS=' 	
'
