export { accessories } from './accessories.ts';
export { fleet } from './fleet.ts';
export { host } from './host.ts';
