export { createDeploymentLimits, type DeploymentLimits } from "./deployment-limits.ts";
export { describeDeployments } from "./describe-deployments.ts";
export { createRouter, type Route, type Router } from "./create-router.ts";
export { deploymentOfEnvironment, type OpenDeployment } from "./open-deployment.ts";
export { DeploymentsError } from "./parse-deployments.ts";
export type { CallNote, EndedCall, RoutedReply } from "./route-call.ts";
export { type Deployments, watchDeployments } from "./watch-deployments.ts";
