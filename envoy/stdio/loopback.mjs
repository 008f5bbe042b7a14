// Makes a Node server that listens on every address listen on loopback alone. For programs that have no option for it:
//   NODE_OPTIONS=--import=./envoy/stdio/loopback.mjs npx -y supergateway@4.0.0 …
import net from "node:net";
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, Number(port), "127.0.0.1", ...rest.filter((argument) => typeof argument === "function"));
};
