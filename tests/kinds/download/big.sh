# 300,000 letters.
head -c 300000 /dev/zero | tr '\0' x
