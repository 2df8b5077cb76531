#!/usr/bin/python3
"""What answers for the REST proxy: it asks the broker of its properties for the topics."""
import http.server, json, subprocess, sys
settings = dict(line.strip().split("=", 1) for line in open(sys.argv[1]) if "=" in line and line[0] != "#")
class Proxy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = ["/home/ec2-user/kafka/bin/kafka-topics.sh", "--list", "--bootstrap-server", settings["bootstrap.servers"]]
        found = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())
http.server.ThreadingHTTPServer(("127.0.0.1", 8082), Proxy).serve_forever()
