// A host's page draws its charts; the list of hosts has none and does not load them.
if (document.querySelector("[data-chart]")) void import("../islands/charts").then(({ startCharts }) => startCharts());

export {};
