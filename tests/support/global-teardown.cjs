const { rmSync } = require('node:fs');

module.exports = () => rmSync(process.env.PACKAGES, { recursive: true, force: true });
