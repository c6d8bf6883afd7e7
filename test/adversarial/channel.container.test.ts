import { describeCases } from './suite.ts';

describeCases('that is attacked around the measurement', 'channel');
