// Runs inside local-slack before its own code (Bun's `--preload`): it knows no option for the address it listens on.
const serve = Bun.serve.bind(Bun);
Bun.serve = (options) => serve({ ...options, hostname: "127.0.0.1" });

// It ends with whoever holds the other end of its standard input, also when that one is killed.
process.stdin.once("end", () => process.exit(0));
process.stdin.resume();
