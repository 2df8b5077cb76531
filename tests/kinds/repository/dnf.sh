#!/bin/sh
for word; do
    case $word in --setopt=reposdir=*) echo "fetched $(sed -n 's/^baseurl=//p' "${word#*dir=}"/*.repo)" >> @calls@ ;; esac
done
