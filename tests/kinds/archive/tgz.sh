# A folder kafka-1 with a program, a hidden file, a link and a deeper file.
mkdir -p kafka-1/bin/deep kafka-1/libs
printf '#!/bin/sh\n' > kafka-1/bin/run.sh
chmod 755 kafka-1/bin/run.sh
head -c 70000 /dev/zero | tr '\0' x > kafka-1/bin/deep/x
printf new > kafka-1/libs/new.jar
printf dot > kafka-1/.hidden
ln -s bin/run.sh kafka-1/start
tar -czf - kafka-1
