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

async function example(name) {
  const response = await fetch(`static/examples/${name}.graphql`);
  return { query: await response.text() };
}

async function start() {
  const tabs = await Promise.all(EXAMPLES.map(example));
  const editor = React.createElement(GraphiQL, {
    fetcher: ask,
    defaultTabs: tabs,
    defaultEditorToolsVisibility: false,
    isHeadersEditorEnabled: false,
  });
  ReactDOM.createRoot(document.getElementById("graphiql")).render(editor);
}

start();
