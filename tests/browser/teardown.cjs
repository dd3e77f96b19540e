module.exports = async () => {
  await globalThis.browserServer?.close();
};
