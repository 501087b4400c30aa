// A rule's page draws what the rule measures; the lists have no chart and do not load it.
if (document.querySelector("[data-chart]")) void import("../islands/charts").then(({ startCharts }) => startCharts());

export {};
