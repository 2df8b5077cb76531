# A folder app with 100,000 bytes that cannot be packed smaller, 400,000 that can, and a program.
mkdir -p app/bin
awk 'BEGIN { srand(1); for (i = 0; i < 100000; i++) printf "%c", 33 + int(rand() * 90) }' > app/noise
head -c 400000 /dev/zero | tr '\0' x > app/much
printf '#!/bin/sh\n' > app/bin/run
chmod 755 app/bin/run
tar -czf - app
