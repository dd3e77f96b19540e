/** A reader such as `head` closes the pipe once it has enough. Then nothing is left to do. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});
