#!/bin/sh
# As many bytes, of which one is another.
awk 'BEGIN { for (i = 0; i < 1000; i++) printf "%04d\n", i == 700 ? 7 : i }'
