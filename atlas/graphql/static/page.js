"use strict";

// The query editor: GraphiQL on this server's API, with one example for each kind of user.
const EXAMPLES = ["who-made-this", "may-they-use-it", "who-is-owed-what", "supply-and-burns"];

async function ask(request) {
  const response = await fetch("graphql", {
    method: "POST",
    headers: {
      "accept": "application/graphql-response+json, application/json",
      "content-type": "application/json",
    },
    body: JSON.stringify(request),
  });
  return response.json();
}

// Values for the variables of the examples: a license that is on record, so that each example answers at once.
async function variables() {
  const answer = await ask({ query: "{ licenses(first: 1) { nodes { aaid licensee } } }" });
  const license = answer.data?.licenses.nodes[0];
  return license ? { "may-they-use-it": { aaid: license.aaid, account: license.licensee } } : {};
}

async function example(name, values) {
  const response = await fetch(`static/examples/${name}.graphql`);
  const variables = values[name] && JSON.stringify(values[name], null, 2);
  return { query: await response.text(), variables };
}

async function start() {
  const values = await variables();
  const tabs = await Promise.all(EXAMPLES.map((name) => example(name, values)));
  const editor = React.createElement(GraphiQL, {
    fetcher: ask,
    defaultTabs: tabs,
    defaultEditorToolsVisibility: false,
    isHeadersEditorEnabled: false,
  });
  ReactDOM.createRoot(document.getElementById("graphiql")).render(editor);
}

start();
