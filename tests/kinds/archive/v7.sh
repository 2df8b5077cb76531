python3 - <<'EOF'
import sys
head = b"app/run".ljust(100, b"\0") + b"0000755\0" + b"0000000\0" * 2 + b"00000000003\0" + b"00000000000\0" + b" " * 8
head = head.ljust(512, b"\0")
head = head[:148] + b"%06o\0 " % sum(head) + head[156:]
sys.stdout.buffer.write(head + b"run".ljust(512, b"\0") + b"\0" * 1024)
EOF
