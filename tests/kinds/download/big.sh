# 300,000 characters.
head -c 300000 /dev/zero | tr '\0' x
