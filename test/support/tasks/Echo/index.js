// A small task for tests of the local agent: it says what it was given, by the agent's own commands.
/* global require, setTimeout */
const fs = require('node:fs');
const path = require('node:path');

const env = process.env;
const vso = (command, data = '') => console.log(`##vso[${command}]${data}`);
const keep = (name, content) => {
  const file = path.join(env.AGENT_TEMPDIRECTORY, name);
  fs.writeFileSync(file, content);
  return file;
};

console.log(`node ${process.versions.node.split('.')[0]}`);
console.log(`${env.INPUT_MODE}: ${env.INPUT_TEXT}`);
console.log(`password is ${env.SECRET_PASSWORD ?? 'not given'}; in the open: ${env.PASSWORD ?? 'nothing'}`);
if (env.INPUT_CLUSTER) {
  console.log(
    `cluster ${env[`ENDPOINT_URL_${env.INPUT_CLUSTER}`]} ${env[`ENDPOINT_AUTH_SCHEME_${env.INPUT_CLUSTER}`]}`,
  );
  console.log(`token ${env[`ENDPOINT_AUTH_PARAMETER_${env.INPUT_CLUSTER}_APITOKEN`]}`);
}
vso('task.setvariable variable=said;isOutput=true', env.INPUT_TEXT.replace(/\n/g, '%0A'));
vso('task.setvariable variable=PATH', '/evil');
vso('task.uploadsummary', keep('echo.md', `# ${env.INPUT_TEXT}\n`));
vso('task.addattachment type=echo;name=facts', keep('facts.json', JSON.stringify({ said: env.INPUT_TEXT })));
if (env.INPUT_MODE === 'fail') {
  vso('task.logissue type=error', 'cannot say that');
  vso('task.complete result=Failed', 'gave up');
} else if (env.INPUT_MODE === 'wait') {
  process.on('SIGINT', () => {
    console.log('stopping');
    process.exit(0);
  });
  console.log('waiting');
  setTimeout(() => undefined, 60_000);
} else {
  vso('task.complete result=Succeeded');
}
