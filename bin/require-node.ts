/** Says in one sentence that this Node.js is too old. It must itself run on an old one. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `error UNSUPPORTED: atoll needs Node.js 22.18 or newer, this is ${process.versions.node}\n`,
  )
  process.exit(1)
}
