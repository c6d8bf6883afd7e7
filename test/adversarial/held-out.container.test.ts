import { describeCases } from './suite.ts';

describeCases('that measures the exported states of attackers', 'heldOut');
