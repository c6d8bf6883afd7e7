import { describeCases } from './suite.ts';

describeCases('that repeats what it is given', 'reruns');
