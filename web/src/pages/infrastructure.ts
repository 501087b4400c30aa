// The charts of the page.
import { startCharts } from "../islands/charts";

startCharts();
