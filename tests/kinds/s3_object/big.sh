#!/bin/sh
# Five thousand bytes, and not the same in each part.
awk 'BEGIN { for (i = 0; i < 1000; i++) printf "%04d\n", i }'
