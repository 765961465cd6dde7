// Puts error messages and stack traces into a payload of their own, so that the
// payload codec encrypts them like everything else; Temporal's own converter
// leaves them readable in the history. The SDK loads this file by its path, with
// require() in Node and with webpack in the workflow's bundle: hence CommonJS,
// and nothing in it that isn't JavaScript.
const { DefaultFailureConverter } = require('@temporalio/common');

exports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
