# The smallest zip file: the beginning of an entry, and the directory at the end.
printf 'PK\003\004 stands for an entry PK\005\006'
printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
