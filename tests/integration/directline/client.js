// Microsoft's Direct Line client, driven by lines of JSON on stdin, telling what it sees in lines of JSON on stdout.
// Usage: node client.js '{"domain": "http://…/v3/directline", "token": "…", "webSocket": true}'
"use strict";

global.XMLHttpRequest = require("xhr2");
global.WebSocket = require("ws");
// The client waits 3 to 15 s before it reconnects, at random: take the least.
Math.random = () => 0;

const { DirectLine, ConnectionStatus } = require("botframework-directlinejs");

const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const line = new DirectLine({ ...JSON.parse(process.argv[2]), timeout: 2000, pollingInterval: 200 });

line.connectionStatus$.subscribe((status) => tell({ status: ConnectionStatus[status] }));
line.activity$.subscribe(
  (activity) => tell({ activity }),
  (error) => tell({ failed: String(error.message ?? error) }),
);

const commands = {
  post: (activity) =>
    line.postActivity(activity).subscribe(
      (id) => tell({ posted: id }),
      (error) => tell({ refused: error.status ?? String(error) }),
    ),
  session: () => line.getSessionId().subscribe((id) => tell({ session: id })),
  end: () => {
    line.end();
    process.exit(0);
  },
};

require("node:readline")
  .createInterface({ input: process.stdin })
  .on("line", (text) => {
    const { command, value } = JSON.parse(text);
    commands[command](value);
  });
