// A rule's page draws what the rule measures.
import { startCharts } from "../islands/charts";

startCharts();
